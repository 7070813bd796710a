"""What runs within the sandbox: standard library only, since nothing else exists in there.

`warden` is started by `tutelage.sandbox.sandbox` as a program of its own; it shuts itself into
empty namespaces and gives each trial a `checker` and a `program` process.
"""
