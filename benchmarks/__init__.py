"""What microgen is measured against: `python -m benchmarks` runs all of it, and writes RESULTS.md and RESULTS.json.

Other tools are installed at pinned versions into an environment of their own (`build/peers`), and measured in the same
run, on the same models, in turns. Each tool is a file in `tools/`, each topic a file beside this one.
"""
