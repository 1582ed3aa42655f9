"""A provider that knows Google's schema and nothing else: what it is asked to plan, it promises.

Terraform's plugin protocol 6 over a Unix socket, without the handshake: Terraform attaches to it
(TF_REATTACH_PROVIDERS). It validates nothing by itself and cannot apply; `terraform test` uses it
for its schema and mocks the rest. Runs in the environment of requirements.txt, so it imports no
other module of this package.

https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol
https://developer.hashicorp.com/terraform/plugin/debugging#terraform-cli-development-overrides
"""

# ruff: noqa: N802 - the names of the methods are the protocol's

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import msgpack  # type: ignore[import-not-found] # in an environment of its own
from tf.gen import tfplugin_pb2 as pb  # type: ignore[import-not-found] # as msgpack
from tf.gen import tfplugin_pb2_grpc as rpc

# cty's encoding of "known after apply" in msgpack.
_UNKNOWN = msgpack.ExtType(0, b"\0")
# What a data source answers; a project's number is written into service agents' names.
_ANSWERS = {"number": "123456789012"}


class StubProvider(rpc.ProviderServicer):  # type: ignore[misc] # generated without types
    """Plans create whatever the configuration says, with the rest known after apply."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema

    def GetProviderSchema(self, _request: Any, _context: Any) -> Any:
        return pb.GetProviderSchema.Response(
            provider=_schema(self._schema["provider"]),
            resource_schemas={n: _schema(b) for n, b in self._schema["resource"].items()},
            data_source_schemas={n: _schema(b) for n, b in self._schema["data"].items()},
        )

    def ValidateProviderConfig(self, _request: Any, _context: Any) -> Any:
        return pb.ValidateProviderConfig.Response()

    def ConfigureProvider(self, _request: Any, _context: Any) -> Any:
        return pb.ConfigureProvider.Response()

    def ValidateResourceConfig(self, _request: Any, _context: Any) -> Any:
        return pb.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, _request: Any, _context: Any) -> Any:
        return pb.ValidateDataResourceConfig.Response()

    def ReadDataSource(self, request: Any, _context: Any) -> Any:
        block = self._schema["data"][request.type_name]
        state = _completed(block, _decode(request.config), _ANSWERS.get)
        return pb.ReadDataSource.Response(state=_encode(state))

    def PlanResourceChange(self, request: Any, _context: Any) -> Any:
        block = self._schema["resource"][request.type_name]
        planned = _completed(block, _decode(request.proposed_new_state), lambda _name: _UNKNOWN)
        return pb.PlanResourceChange.Response(planned_state=_encode(planned))

    def StopProvider(self, _request: Any, _context: Any) -> Any:
        return pb.StopProvider.Response()


def _decode(value: Any) -> Any:
    return msgpack.unpackb(value.msgpack, ext_hook=msgpack.ExtType, strict_map_key=False)


def _encode(value: Any) -> Any:
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def _completed(block: dict[str, Any], value: Any, answer: Any) -> Any:
    """*value* with *answer* for each attribute that it leaves to the provider."""
    if not isinstance(value, dict):
        return value  # null: the resource is to be destroyed
    for name, attribute in block["attributes"].items():
        if attribute.get("computed") and value.get(name) is None:
            value[name] = answer(name)
    for name, nested in block["block_types"].items():
        if isinstance(value.get(name), list):
            value[name] = [_completed(nested["block"], body, answer) for body in value[name]]
    return value


def _schema(block: dict[str, Any]) -> Any:
    return pb.Schema(version=0, block=_block(block))


def _block(block: dict[str, Any]) -> Any:
    flags = ("required", "optional", "computed")
    return pb.Schema.Block(
        attributes=[
            pb.Schema.Attribute(
                name=name,
                type=json.dumps(attribute["type"]).encode(),
                **{flag: attribute.get(flag, False) for flag in flags},
            )
            for name, attribute in block["attributes"].items()
        ],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name,
                block=_block(nested["block"]),
                nesting=pb.Schema.NestedBlock.NestingMode.Value(nested["nesting_mode"].upper()),
                min_items=nested["min_items"] if nested["nesting_mode"] == "list" else 0,
                max_items=nested["max_items"] if nested["nesting_mode"] == "list" else 0,
            )
            for name, nested in block["block_types"].items()
        ],
    )


def serve(schema: Path, socket: Path) -> None:
    """Answer on *socket* until the standard input is closed by whoever started this."""
    server = grpc.server(
        ThreadPoolExecutor(4),
        # A provider's schema is larger than gRPC's default limit.
        options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)],
    )
    rpc.add_ProviderServicer_to_server(StubProvider(json.loads(schema.read_text())), server)
    server.add_insecure_port(f"unix://{socket}")
    server.start()
    print("ready", flush=True)
    sys.stdin.read()
    server.stop(grace=None)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
