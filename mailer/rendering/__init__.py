"""Pure rendering: content to digest to MJML to HTML and text to MIME; no Django, no database, no clock."""
