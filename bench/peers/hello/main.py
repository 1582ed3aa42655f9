"""The least that functions-framework can serve."""

import flask
import functions_framework


@functions_framework.http
def hello(request: flask.Request) -> tuple[str, int]:
    request.get_data(cache=False)
    return "", 200
