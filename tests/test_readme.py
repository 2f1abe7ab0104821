"""The README's map and commands are true."""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Folders whose files the map names one by one; of the others it names the folder.
LISTED = ("ingest", "ingest/*", "app", "app/*")
NOT_LISTED = {"__init__.py", "py.typed", ".gitignore", ".sqlfluff", "README.md"}


def mapped() -> dict[str, str]:
    """Path to caption, as the map in the README has them."""
    block = README.split("## Map")[1].split("```")[1].removeprefix("text\n")
    found: dict[str, str] = {}
    parents: list[str] = []
    for line in block.rstrip().splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name, caption = re.split(r"\s{2,}", line.strip(), maxsplit=1)
        parents = [*parents[:depth], name.rstrip("/")]
        found["/".join(parents)] = caption
    return found


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(line) for line in listing.stdout.splitlines() if (ROOT / line).exists()]


def expected() -> set[str]:
    """What the map must name: top-level entries, and the files of the listed folders."""
    names = set()
    for path in tracked():
        if path.name in NOT_LISTED or path.parts[0].startswith("."):
            continue
        names.add(path.parts[0])
        folder = path.parent
        if any(fnmatch(folder.as_posix(), pattern) for pattern in LISTED) and path.suffix == ".py":
            names.add(path.as_posix())
            names.add(folder.as_posix())
    return names


def test_every_mapped_path_exists() -> None:
    missing = [path for path in mapped() if not (ROOT / path).exists()]
    assert missing == []


def test_the_map_names_every_file() -> None:
    assert sorted(expected() - set(mapped())) == []


def test_every_entry_has_a_caption() -> None:
    assert all(len(caption) > 2 for caption in mapped().values())


def test_every_command_in_the_readme_exists() -> None:
    from ingest.cli import cli

    named = set(re.findall(r"(?:^|`|\n)neurons ([a-z][a-z-]*)", README))
    assert named
    assert named <= set(cli.commands)


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) <= targets
