"""Many compressions of one model, each measured, side by side: what to give up for what.

`sweep` in run.py is the public function; evaluation.py is what happens to one candidate, scheduling.py where: in
processes of this machine or on a Dask cluster.
"""
