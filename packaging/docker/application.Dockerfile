# An application wrapped by the one static file: nothing else is added to its image. From the repository:
#   make -C native && docker build -f packaging/docker/application.Dockerfile -t wrapped .
#   docker run --rm -v seccam-run:/run/seccam wrapped
# The container needs no capability: a program may trace its own children. Without CAP_SYS_PTRACE nobody could take over
# when the tracer is killed, so what becomes of the program then is said here.
FROM debian:bookworm-slim
COPY native/build/seccam-trace /seccam-trace
ENTRYPOINT ["/seccam-trace", "--socket", "/run/seccam/agent.sock", "--wait", "5000", "--on-tracer-death", "kill", "--"]
CMD ["sh", "-c", "cat /etc/passwd >/dev/null; sleep 5"]
