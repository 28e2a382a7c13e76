"""Write the versions of requirements.lock into the environments beside this file."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def main():
    """Replace the version of every ``- name==version`` line by the locked one."""
    lock = dict(line.split("==") for line in (HERE.parent / "requirements.lock").read_text().split())
    for path in sorted(HERE.glob("*.yaml")):
        text = re.sub(r"(- (\S+)==)\S+", lambda match: match[1] + lock[match[2]], path.read_text())
        path.write_text(text)


if __name__ == "__main__":
    main()
