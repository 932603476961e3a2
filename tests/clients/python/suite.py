"""google-cloud-pubsub and google-api-python-client against the local cloud. tests/clients/run starts both."""
import admin_cases    # noqa: F401
import delivery_cases    # noqa: F401
import healthcare_cases    # noqa: F401
import limit_cases    # noqa: F401
import relay_cases    # noqa: F401
import rest_cases    # noqa: F401
import store_cases    # noqa: F401
from cases import run

run()
