"""One file per thing a user may ask for; the only floor that sees several rooms."""
