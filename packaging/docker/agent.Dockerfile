# The agent in a container. From the repository:  npm run build && make -C native && npm pack
#   docker build -f packaging/docker/agent.Dockerfile -t seccam-agent .
#   docker run -d --name seccam-agent -v seccam-run:/run/seccam seccam-agent
FROM node:20-bookworm-slim
COPY seccam-*.tgz /tmp/
RUN npm install --global --omit=dev /tmp/seccam-*.tgz && rm -rf /tmp/seccam-*.tgz /root/.npm \
    && mkdir -p /run/seccam /etc/seccam/rules && chown node /run/seccam
USER node
VOLUME /run/seccam
ENTRYPOINT ["seccam", "agent", "start"]
CMD ["--format", "json"]
