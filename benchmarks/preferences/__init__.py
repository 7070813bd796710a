"""What `preference_speed.py` is made of: the pairs, and its contenders.

As in `tuning/`, every contender runs in a process of its own, and `workload` loads no library of
any of them.
"""
