"""`rtsr plan IN OUT`."""

import json
from dataclasses import replace

from rtsr.cli.options import command as make_command
from rtsr.config import Plan


def run(options: Plan) -> None:
    """Say what `rtsr encode IN OUT` would do, keep, lose and cost: every stream, tag, chapter; nothing is written.

    It takes every flag of `rtsr encode`. What cannot be done is refused as the encode would refuse it.
    """
    from rtsr.demux import permit
    from rtsr.jobs.direct import direct_dry_run, is_direct
    from rtsr.jobs.outlook import look_ahead

    permit(options.protocols)
    options = replace(options, dry_run=True)
    if is_direct(options):
        print("\n".join(direct_dry_run(options)))
        return
    outlook = look_ahead(options)
    print(json.dumps(outlook.as_json(), indent=1, ensure_ascii=False) if options.json else "\n".join(outlook.lines()))


command = make_command("plan", Plan, run)
"""As click has it."""
