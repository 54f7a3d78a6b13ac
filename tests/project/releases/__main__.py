from __future__ import annotations

from tests.project.releases import main

main()
