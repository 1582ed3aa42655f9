"""google.cloud.run.v2 Service <-> the settings that a request names.

One row a setting: how it is read into normal form, and how it is written. The rest of a service is
neither read nor written, so that a write keeps it (gRPC keeps even the fields that the library
does not know).
"""

from google.cloud import run_v2

from transship.clients.run_container import CONTAINER
from transship.clients.run_network import NETWORK
from transship.clients.run_probes import PROBES
from transship.clients.run_revision import REVISION
from transship.clients.run_secrets import SECRETS
from transship.clients.run_service import SERVICE
from transship.clients.run_setting import container_port
from transship.clients.run_volumes import VOLUMES
from transship.model.settings import Settings, same

# In the order in which they are written. The container's port comes before the probes: those that
# knocked at the old one move along, and then a request may say otherwise.
SETTINGS = (*CONTAINER, *PROBES, *SECRETS, *VOLUMES, *NETWORK, *REVISION, *SERVICE)


def settings_of(service: run_v2.Service) -> Settings:
    if not service.template.containers:
        return Settings()
    return Settings(**{setting.name: setting.read(service) for setting in SETTINGS})


def write_settings(service: run_v2.Service, settings: Settings) -> list[str]:
    """Put those of *settings* that *service* has otherwise into it, in place.

    What is as asked for is left in the words of whoever wrote it. Returns the mask paths of what
    was written outside of the template.
    """
    named = settings.named()
    mask: list[str] = []
    for setting in SETTINGS:
        port = container_port(service) or 0
        if setting.name in named and not same(
            named[setting.name], setting.read(service), port=port
        ):
            setting.write(service, named[setting.name])
            mask += setting.mask
    return mask
