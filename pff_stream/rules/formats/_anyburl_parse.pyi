# Called by compiled code only: nothing here for Python.
