"""Reads a small body, where what all may send would be too much."""

from fastapi import Request

from shared.web.problems import Problem


async def body_within(request: Request, most: int) -> bytes:
    """The body, of so many bytes at most. Raises the problem 413."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            words = f"The body is larger than {most // 1024} kB, more than anybody sends here."
            raise Problem(413, "too_large", words, extra={"limit": most})
    return bytes(body)
