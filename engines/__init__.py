"""Release sets: the engines that a kind of device needs, named in a profile, built and checked as one.

A profile is a TOML file in `profiles/`; `python -m engines build-all PROFILE` builds what it names.
"""
