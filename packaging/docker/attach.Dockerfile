# Attaches to a process of another container, in that container's pid namespace:
#   docker build -f packaging/docker/attach.Dockerfile -t seccam-attach .
#   docker run --rm --pid container:NAME --cap-add SYS_PTRACE -v seccam-run:/run/seccam seccam-attach --pid 1
FROM scratch
COPY native/build/seccam-trace /seccam-trace
ENTRYPOINT ["/seccam-trace", "--socket", "/run/seccam/agent.sock"]
