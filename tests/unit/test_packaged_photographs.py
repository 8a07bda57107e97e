import pytest

from degcraft.errors import DegcraftError
from degcraft.images import PACKAGED, decode, packaged


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_photographs_are_there(name):
    image = decode(packaged(name))
    assert min(image.shape[:2]) >= 288
    assert image.std() > 10


def test_the_default_config_names_packaged_photographs(default_config):
    used = [
        name for entry in default_config["prepare"].values() if isinstance(entry, dict) for name in entry["packaged"]
    ]
    assert used
    assert set(used) <= set(PACKAGED)


def test_packaged_photographs_that_are_not_there(monkeypatch):
    with pytest.raises(DegcraftError, match=r"^packaged photograph lena: not known; choose from astronaut, "):
        packaged("lena")
    monkeypatch.setitem(PACKAGED, "moved", "skimage/data/moved.png")
    with pytest.raises(DegcraftError, match=r"moved: skimage/data/moved.png is not among the installed packages; inst"):
        packaged("moved")
    monkeypatch.setitem(PACKAGED, "gone", "no_such_package/a.png")
    with pytest.raises(DegcraftError, match=r"gone: no_such_package/a.png is not among"):
        packaged("gone")
