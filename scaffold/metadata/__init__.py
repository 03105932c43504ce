"""Module metadata: reading it with positions, checking it, and saying what is wrong with it.

`loading.load` makes a `Document` from a file, `checks.check` turns a document into a `Report`,
and `report`, `sarif` and `github` show reports. `batch` does it for many files.
"""
