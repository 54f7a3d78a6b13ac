"""The staff interface at /desk/, built on Wagtail: one package per section of the menu."""
