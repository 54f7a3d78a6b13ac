"""The demo: a sample edition, a mail catcher and a guided tour; its pages exist in the demo only."""
