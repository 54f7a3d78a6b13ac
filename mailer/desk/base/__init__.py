"""What all sections share: base pages, the edition workflow, tables, forms, the menu and the audit log."""
