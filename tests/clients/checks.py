"""What the scripts here check with. A line `ok …` is a check that passed; the first that fails ends the program."""

import sys


def check(what: str, found, wanted) -> None:
    if found != wanted:
        sys.exit(f"FAILED {what}: found {found!r}, wanted {wanted!r}")
    print("ok", what, flush=True)


def says(what: str, text: str, *parts: str) -> None:
    check(what, [part for part in parts if part not in text] and text, [])
