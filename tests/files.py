"""What helps to test files that are written whole."""

DAMAGED = r"missing, truncated or damaged \(.+\); type: rm -r {path}, then run again"


def everything(folder):
    return sorted(path.name for path in folder.rglob("*"))
