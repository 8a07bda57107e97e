"""What validation says of a config."""

from degcraft.config import validate
from degcraft.errors import DegcraftError


def problems(config):
    try:
        validate(config)
    except DegcraftError as error:
        return str(error).splitlines()
    return []
