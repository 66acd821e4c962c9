#!/bin/sh
# Makes the secrets of compose.yml that are not there yet, and tells Compose which group may read them. Run it again after
# deleting a token to replace it: a worker reads the file within a second. `sh deploy/secrets.sh tls` makes those of
# compose.tls.yml as well: an authority, Kafka's certificate, and a user with a password.
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
if [ "${1:-}" = tls ]; then
    key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    mkdir -p secrets/ca  # what only the authority needs
    chmod 0700 secrets/ca
    if [ ! -s secrets/kafka_ca.crt ]; then
        openssl req -x509 $key -days 3650 -subj "/CN=alarm-fatigue Kafka" -keyout secrets/ca/kafka.key -out secrets/kafka_ca.crt 2>/dev/null
        rm -f secrets/kafka_keystore.pem
        echo "made deploy/secrets/kafka_ca.crt"
    fi
    if [ ! -s secrets/kafka_keystore.pem ]; then
        new=$(mktemp -d)
        echo "subjectAltName=DNS:kafka,DNS:localhost,IP:127.0.0.1" >"$new/names"
        openssl req $key -subj "/CN=kafka" -keyout "$new/key" -out "$new/asked" 2>/dev/null
        openssl x509 -req -in "$new/asked" -CA secrets/kafka_ca.crt -CAkey secrets/ca/kafka.key -CAcreateserial -days 825 \
            -extfile "$new/names" -out "$new/crt" 2>/dev/null
        cat "$new/key" "$new/crt" secrets/kafka_ca.crt >secrets/kafka_keystore.pem
        rm -rf "$new" secrets/kafka_ca.srl
        echo "made deploy/secrets/kafka_keystore.pem"
    fi
    if [ ! -s secrets/kafka_password ] || [ ! -s secrets/kafka_users.conf ]; then
        od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >secrets/kafka_password
        echo "KafkaServer { org.apache.kafka.common.security.plain.PlainLoginModule required" \
            "user_alarm-fatigue=\"$(cat secrets/kafka_password)\"; };" >secrets/kafka_users.conf
        echo "made deploy/secrets/kafka_password"
    fi
fi
find secrets -maxdepth 1 -type f -exec chmod 0640 {} +
echo "SECRETS_GROUP=$(id -g)" >.env
