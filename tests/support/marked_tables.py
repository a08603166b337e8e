"""Tables of the documentation that a command measures: they stand between two marks in the page."""


def between(page: str, mark: str, table: str) -> str:
    """Return the page with `table` between `<!-- mark -->` and `<!-- end of mark -->`; ValueError without the marks."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, rest = page.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"
