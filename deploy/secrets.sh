#!/bin/sh
# Makes the secrets of compose.yml that are not there yet, and tells Compose which group may read them. Run it again after
# deleting a token to replace it: a worker reads the file within a second.
set -eu
cd "$(dirname "$0")"
umask 027
mkdir -p secrets
chmod 0750 secrets
for name in pseudonym_key link_key paging_token prometheus_token viewer_token admin_token; do
    if [ ! -s "secrets/$name" ]; then
        od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$name.new"
        mv "secrets/$name.new" "secrets/$name"
        echo "made deploy/secrets/$name"
    fi
done
# Stays empty unless one of your receivers is PagerDuty.
[ -e secrets/pagerduty_routing_key ] || : >secrets/pagerduty_routing_key
chmod 0640 secrets/*
echo "SECRETS_GROUP=$(id -g)" >.env
