"""Statistics of mailings for staff and the command line: totals, tables, charts and exports."""
