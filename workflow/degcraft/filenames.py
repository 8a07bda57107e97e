"""Names for files that are made for images, whatever the images are called."""

import re


class Names:
    """Names made of letters, digits, ``.``, ``_`` and ``-``, all different, as wished where possible.

    They differ in more than case, for on some machines case makes no different file.

    Examples
    --------
    >>> names = Names()
    >>> [names.new(wish) for wish in ("my film", "My_film", "a", ".b")]
    ['my_film', 'My_film-2', 'a', '_.b']
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, wish: str) -> str:
        """A name that none had before."""
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", wish)
        plain = plain if re.match(r"[A-Za-z0-9_]", plain) else f"_{plain}"
        name, number = plain, 1
        while name.lower() in self._taken:
            number += 1
            name = f"{plain}-{number}"
        self._taken.add(name.lower())
        return name
