"""The sample edition, the mail catcher and the guided start; mounted only in the demo."""
