"""Staff screens on Wagtail: viewsets, panels, pages and actions."""
