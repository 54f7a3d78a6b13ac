from __future__ import annotations

import pytest

from mailer.config import Service
from tests.delivery.conftest import configure  # noqa: F401  (a fixture)
from tests.delivery.esp.api import Api
from tests.delivery.esp.documented import SERVICES
from tests.delivery.esp.drive import Drive


@pytest.fixture(params=sorted(SERVICES))
def documented(request):
    """Each ESP in turn, or those that the test names."""
    return SERVICES[request.param]()


@pytest.fixture
def api(documented):
    """The ESP's API on loopback; fails if it got a call that the ESP does not document."""
    with Api(documented) as server:
        yield server
    assert server.wrong == []


@pytest.fixture
def service(api, documented):
    """The configuration of that ESP."""
    return Service(name=documented.name, url=api.url, connections=2, **documented.config)


@pytest.fixture
def drive(service, configure, tmp_path):  # noqa: F811
    """Sends messages by the ESP without a ledger."""
    configure(service={"name": service.name, "url": service.url, "connections": 2})
    with Drive(service, tmp_path) as one:
        yield one
