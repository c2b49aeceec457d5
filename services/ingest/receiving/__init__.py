"""What happens to a request between the HTTP edge and intake: who may, what it comes to, what is told of it."""
