"""google.cloud.run.v2 VpcAccess <-> the network that a service sends to."""

from typing import Any

from google.cloud import run_v2

from transship.clients.run_setting import Setting, place_of
from transship.model.network import short_network, short_subnet

_ACCESS = "template.vpc_access"
_EGRESS = {
    "all-traffic": run_v2.VpcAccess.VpcEgress.ALL_TRAFFIC,
    "private-ranges-only": run_v2.VpcAccess.VpcEgress.PRIVATE_RANGES_ONLY,
}


def _interface(service: run_v2.Service) -> run_v2.VpcAccess.NetworkInterface:
    """A copy of the one there is, or an empty one: more are not supported."""
    interfaces = service.template.vpc_access.network_interfaces
    return run_v2.VpcAccess.NetworkInterface(interfaces[0] if interfaces else None)


def _set_interface(service: run_v2.Service, interface: run_v2.VpcAccess.NetworkInterface) -> None:
    service.template.vpc_access.network_interfaces = [interface]
    # One or the other.
    service.template.vpc_access.connector = ""


def _network(service: run_v2.Service) -> Any:
    return short_network(_interface(service).network, project=place_of(service)[0])


def _set_network(service: run_v2.Service, value: Any) -> None:
    """The subnet that was there is another network's; without one, Cloud Run takes the namesake."""
    if not value:
        _leave(service)
        return
    interface = _interface(service)
    interface.network, interface.subnetwork = value, ""
    _set_interface(service, interface)


def _subnet(service: run_v2.Service) -> Any:
    project, region = place_of(service)
    return short_subnet(_interface(service).subnetwork, project=project, region=region)


def _set_subnet(service: run_v2.Service, value: Any) -> None:
    interface = _interface(service)
    interface.subnetwork = value
    if value or interface.network:
        _set_interface(service, interface)
    else:
        _leave(service)


def _set_network_tags(service: run_v2.Service, value: Any) -> None:
    interface = _interface(service)
    interface.tags = list(value)
    service.template.vpc_access.network_interfaces = [interface]


def _leave(service: run_v2.Service) -> None:
    access = service.template.vpc_access
    access.network_interfaces = []
    if not access.connector:
        del service.template.vpc_access


def _set_connector(service: run_v2.Service, value: Any) -> None:
    access = service.template.vpc_access
    access.connector = value
    if value:
        access.network_interfaces = []
    elif not access.network_interfaces:
        del service.template.vpc_access


def _egress(service: run_v2.Service) -> Any:
    egress = service.template.vpc_access.egress
    return next((name for name, value in _EGRESS.items() if value == egress), None)


def _set_egress(service: run_v2.Service, value: Any) -> None:
    service.template.vpc_access.egress = run_v2.VpcAccess.VpcEgress(_EGRESS[value])


# In this order: a network is left before a subnet of another is named.
NETWORK = (
    Setting(
        name="network",
        fields=(f"{_ACCESS}.network_interfaces[].network",),
        read=_network,
        write=_set_network,
    ),
    Setting(
        name="subnet",
        fields=(f"{_ACCESS}.network_interfaces[].subnetwork",),
        read=_subnet,
        write=_set_subnet,
    ),
    Setting(
        name="network_tags",
        fields=(f"{_ACCESS}.network_interfaces[].tags",),
        read=lambda service: tuple(sorted(_interface(service).tags)),
        write=_set_network_tags,
    ),
    Setting(
        name="vpc_connector",
        fields=(f"{_ACCESS}.connector",),
        read=lambda service: service.template.vpc_access.connector,
        write=_set_connector,
    ),
    Setting(name="vpc_egress", fields=(f"{_ACCESS}.egress",), read=_egress, write=_set_egress),
)
