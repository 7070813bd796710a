"""What `tuning_speed.py` is made of: the workload, its contenders, and the tables.

Every contender runs in a process of its own, since peak memory is the process's. `workload` and
`watch` load no library of any contender, so that each process holds its own libraries only.
"""
