"""`rtsr info FILE`."""

import json

from rtsr.cli.options import command as make_command
from rtsr.config import Info


def run(options: Info) -> None:
    """Say what a media file holds: streams, tags, chapters, side data, and what made it where rtsr did."""
    from rtsr.demux import permit
    from rtsr.jobs.info import as_json, lines, look_into

    permit(options.protocols)
    found = look_into(options.file.removeprefix("file://"))
    print(json.dumps(as_json(found), indent=1, ensure_ascii=False) if options.json else "\n".join(lines(found)))


command = make_command("info", Info, run)
"""As click has it."""
