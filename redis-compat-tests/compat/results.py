"""Counts what passed and what failed, and says so in one line that scripts/test adds up."""
import sys


class Results:
    def __init__(self, suite):
        self.suite, self.passed, self.failed = suite, 0, []

    def ok(self, name=None):
        del name
        self.passed += 1

    def fail(self, name, why=""):
        self.failed.append(name)
        print(f"FAIL {self.suite}: {name}")
        for line in str(why).splitlines():
            print(f"     {line}")
        sys.stdout.flush()

    def check(self, name, condition, why=""):
        if condition:
            self.ok(name)
        else:
            self.fail(name, why)
        return bool(condition)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed

    def finish(self):
        """Prints the totals; true when nothing failed and something ran."""
        print(f"{self.suite}: {self.passed} passed, {len(self.failed)} failed", flush=True)
        return not self.failed and self.passed > 0
