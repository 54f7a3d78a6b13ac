"""What all staff pages share: base pages, tables, widgets, audit log."""
