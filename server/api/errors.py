"""Errors as RFC 9457 problem details; the one table from error code to HTTP status.

A problem's `code` is stable and its `detail` is a sentence for a person. Neither carries a value that was
sent: what a person typed stays out of logs and error texts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from koemori.audio.errors import KoemoriError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[str, HTTPStatus] = {
    "request-invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "cursor-invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "body-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "not-signed-in": HTTPStatus.UNAUTHORIZED,
    "sign-in-failed": HTTPStatus.UNAUTHORIZED,
    "token-invalid": HTTPStatus.UNAUTHORIZED,
    "signature-invalid": HTTPStatus.UNAUTHORIZED,
    "mapper-unknown": HTTPStatus.NOT_FOUND,
    "too-many-attempts": HTTPStatus.TOO_MANY_REQUESTS,
    "origin-refused": HTTPStatus.FORBIDDEN,
    "not-allowed": HTTPStatus.FORBIDDEN,
    "not-found": HTTPStatus.NOT_FOUND,
    "call-not-found": HTTPStatus.NOT_FOUND,
    "recording-not-found": HTTPStatus.NOT_FOUND,
    "access-not-found": HTTPStatus.NOT_FOUND,
    "access-expired": HTTPStatus.GONE,
    "recording-unreadable": HTTPStatus.CONFLICT,
    "rendition-busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "call-ended": HTTPStatus.CONFLICT,
    "approval-not-due": HTTPStatus.CONFLICT,
    "alert-not-found": HTTPStatus.NOT_FOUND,
    "rule-not-kept": HTTPStatus.NOT_FOUND,
    "playbook-refused": HTTPStatus.CONFLICT,
    "offer": HTTPStatus.BAD_REQUEST,
    "unsupported-media-type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "too-many-calls": HTTPStatus.SERVICE_UNAVAILABLE,
    "method-not-allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "range-not-satisfiable": HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    "schema-version": HTTPStatus.SERVICE_UNAVAILABLE,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Every code a client can meet; one that is missing here is a 500."""


class FieldProblem(BaseModel):
    """A part of the request, or of a file it is about, that does not fit."""

    where: str
    problem: str


class ApiError(KoemoriError):
    """A request that cannot be served; `code` is one of `STATUS`."""

    code = "internal"

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[FieldProblem] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.headers = dict(headers or {})
        self.errors = errors


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = None


def problem(
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: list[FieldProblem] | None = None,
) -> Response:
    """A response for a code of `STATUS`."""
    status = STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    body = Problem(title=status.phrase, status=status, detail=detail, code=code, errors=errors)
    return Response(
        body.model_dump_json(exclude_none=True),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def install(app: FastAPI) -> None:
    """Make `app` answer every error with a problem."""
    app.add_exception_handler(KoemoriError, _koemori_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _koemori_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, KoemoriError)  # noqa: S101 - Starlette hands over what was registered
    if error.code not in STATUS:
        logger.error("unmapped error", extra={"error": error.code})
        return problem("internal", "The service failed; the log says more.")
    if isinstance(error, ApiError):
        return problem(error.code, str(error), headers=error.headers, errors=error.errors)
    return problem(error.code, str(error))


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    errors = [
        FieldProblem(where=".".join(str(part) for part in item["loc"]), problem=item["msg"])
        for item in error.errors()
    ]
    return problem("request-invalid", "The request does not fit the schema.", errors=errors)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    codes = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}
    code = codes.get(error.status_code)
    if code is None:
        code = "request-invalid" if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR else "internal"
    return problem(code, error.detail, headers=error.headers)


async def _unexpected(_request: Request, error: Exception) -> Response:
    logger.error("unexpected error", extra={"error": type(error).__name__}, exc_info=error)
    return problem("internal", "The service failed; the log says more.")


def responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """OpenAPI entries saying that these statuses carry a `Problem`."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}
