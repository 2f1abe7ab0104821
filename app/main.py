"""The explorer: its pages, and what stands beside all of them. Run it as `neurons app`."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.asking import ask
from app.errors import ReaderError
from app.opening import opened
from app.passages import STYLE
from app.showing import told
from app.views.provenance import provenance

PAGES = (
    ("views/home.py", "Home", ":material/home:", ""),
    ("views/neuron.py", "Neuron", ":material/radio_button_checked:", "neuron"),
    ("views/universality.py", "Universality", ":material/join_inner:", "universality"),
    ("views/depth.py", "Depth profile", ":material/layers:", "depth"),
    ("views/families.py", "Families", ":material/category:", "families"),
    ("views/roles.py", "Roles", ":material/output:", "roles"),
    ("views/ablation.py", "Ablation", ":material/content_cut:", "ablation"),
    ("views/entropy.py", "Entropy", ":material/blur_on:", "entropy"),
    ("views/attention.py", "Attention", ":material/visibility:", "attention"),
    ("views/stages.py", "Stages", ":material/stairs:", "stages"),
    ("views/training.py", "Training", ":material/trending_up:", "training"),
    ("views/published.py", "Published", ":material/menu_book:", "published"),
    ("views/lists.py", "Lists", ":material/bookmark:", "lists"),
    ("views/sql.py", "SQL", ":material/database:", "sql"),
)


def frame() -> None:
    """One page with its frame; without a warehouse, what to do about it."""
    st.set_page_config("Neurons", ":material/hub:", layout="wide", initial_sidebar_state=240)
    page = st.navigation(
        [
            st.Page(file, title=title, icon=icon, url_path=path or None, default=not path)
            for file, title, icon, path in PAGES
        ],
        expanded=True,
    )
    st.html(STYLE)
    try:
        note = opened().note
    except ReaderError as error:
        st.title("No neurons yet", anchor=False)
        st.info(str(error)[0].upper() + str(error)[1:] + ".", icon=":material/info:")
        st.caption("This page looks again by itself.")
        _look_again()
        return
    with st.sidebar, told():
        _what_is_open(note)
    page.run()
    provenance(page.url_path or "home")


@st.fragment(run_every=5)
def _look_again() -> None:
    try:
        opened()
    except ReaderError:
        return
    st.rerun()


def _what_is_open(note: str | None) -> None:
    if note:
        st.warning(note, icon=":material/info:")
    st.caption(f"**{opened().warehouse.stem}**, version {opened().identity.split('-')[0]}")
    built = ask("built")["built_at"][0]
    if built is not None:
        st.caption(f"built {built:%Y-%m-%d %H:%M}")
    speaking = ask("runs").filter("is_speaking")
    of_neurons = speaking.filter(pl.col("kind").is_in(["ingest", "import"]))
    if n_more := speaking.height - of_neurons.height:
        st.caption(f"{n_more} experiment{'' if n_more == 1 else 's'}")
    for run in of_neurons.iter_rows(named=True):
        tokens = f"{run['n_tokens']:,} tokens" if run["n_tokens"] else "weights only"
        st.caption(f"{run['study']}: {run['n_models']} models, {tokens}  \nrun `{run['run'][:12]}`")


if __name__ == "__main__":
    frame()
