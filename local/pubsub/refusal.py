"""What the service answers instead of doing what it was asked.

The texts are the product's where they are publicly known, those of Google's emulator otherwise.
https://cloud.google.com/pubsub/docs/reference/error-codes
"""

import grpc


class Refused(Exception):
    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message)


def already_exists(name: str) -> Refused:
    return Refused(
        grpc.StatusCode.ALREADY_EXISTS,
        f"Resource already exists in the project (resource={_last(name)}).",
    )


def not_found(name: str) -> Refused:
    return Refused(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={_last(name)}).")


def exhausted(message: str) -> Refused:
    return Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, message)


def unimplemented(what: str) -> Refused:
    return Refused(grpc.StatusCode.UNIMPLEMENTED, f"The local Pub/Sub does not implement {what}.")


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]
