"""Many dry runs for the price of one import: reads argument lists as JSON, prints their outputs as JSON."""

import json
import os
import sys
import tempfile

from snakemake.cli import main


def run(arguments: list[str]) -> str:
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            sys.argv = ["snakemake", *arguments]
            code = 1
            try:
                main(arguments)
                code = 0
            except SystemExit as leaving:
                code = leaving.code or 0
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        text = output.read()
    if status:
        sys.exit(f"dry run failed: {' '.join(arguments)}\n{text}")
    return text


if __name__ == "__main__":
    print(json.dumps([run(arguments) for arguments in json.load(sys.stdin)]))
