"""`commons bench`: real nodes in processes of their own, measured beside floors of the same run."""
