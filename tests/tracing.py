"""Coverage of child processes: taken by default, left out where it would be lost or costs more than it tells."""

# By this variable coverage.py tells a new process that it is to be measured, too. It makes it slower by half.
TRACED = "COVERAGE_PROCESS_CONFIG"
