{{- define "af.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "af.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "af.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "af.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a component. Call with (list $ "worker"). */}}
{{- define "af.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "af.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "af.labels" -}}
{{- $root := index . 0 -}}
{{ include "af.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: alarm-fatigue
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Name, labels and annotations of an object. Call with (list $ COMPONENT NAME ANNOTATIONS LABELS). */}}
{{- define "af.metadata" -}}
{{- $root := index . 0 -}}
{{- $annotations := merge (dict) (index . 3) $root.Values.commonAnnotations -}}
name: {{ index . 2 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "af.labels" . | nindent 2 }}
  {{- with index . 4 }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The image of a component. Call with (list $ COMPONENT). */}}
{{- define "af.image" -}}
{{- $root := index . 0 -}}
{{- $image := $root.Values.image -}}
{{- $tag := $image.tag | default $root.Chart.AppVersion -}}
{{- if or (eq (index . 1) "archive") (and (eq (index . 1) "worker") $root.Values.archive.onPage) -}}
{{- $image = merge (deepCopy $root.Values.archive.image) (dict "repository" $image.repository) -}}
{{- $tag = $image.tag | default (printf "%s-full" $tag) -}}
{{- end -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $tag }}
{{- end -}}
{{- end -}}

{{- define "af.checked" -}}
{{- if not .Values.kafka.brokers }}{{ fail "kafka.brokers: expected HOST:PORT of your Kafka" }}{{ end -}}
{{- if not .Values.existingSecret }}{{ fail "existingSecret: expected the name of a Secret with the entry pseudonym_key (values.yaml lists its entries); the chart makes no keys" }}{{ end -}}
{{- if and (not .Values.web.tokens) (not .Values.web.allowRemote) (not .Values.web.tls.clientCaKey) }}{{ fail "web.tokens: expected a reader, or web.allowRemote: true if something else asks who reads" }}{{ end -}}
{{- if and (gt (int .Values.worker.replicas) (int .Values.topics.partitions)) (not .Values.keda.enabled) }}{{ fail (printf "worker.replicas: expected topics.partitions (%d) at most" (int .Values.topics.partitions)) }}{{ end -}}
{{- if gt (int .Values.keda.maxReplicas) (int .Values.topics.partitions) }}{{ fail (printf "keda.maxReplicas: expected topics.partitions (%d) at most" (int .Values.topics.partitions)) }}{{ end -}}
{{- with .Values.archive -}}
{{- if and .onPage (not (and .enabled (or (contains "://" .to) (and .persistence.enabled (hasPrefix "/var/lib/alarm-fatigue/" .to))))) }}{{ fail "archive.onPage: expected archive.enabled and archive.persistence.enabled, and archive.to in /var/lib/alarm-fatigue; or a URL in archive.to" }}{{ end -}}
{{- end -}}
{{- $sasl := hasPrefix "SASL_" .Values.kafka.securityProtocol -}}
{{- if and $sasl (not .Values.kafka.sasl.mechanism) }}{{ fail (printf "kafka.sasl.mechanism: expected one, as kafka.securityProtocol is %s" .Values.kafka.securityProtocol) }}{{ end -}}
{{- if and $sasl (not .Values.kafka.sasl.secret) }}{{ fail "kafka.sasl.secret: expected the name of a Secret" }}{{ end -}}
{{- if and .Values.monitoring.rules.enabled (not (and .Values.monitoring.grafanaUrl .Values.monitoring.runbooksUrl .Values.web.url)) }}{{ fail "monitoring.rules: expected monitoring.grafanaUrl, monitoring.runbooksUrl and web.url, to which alerts link" }}{{ end -}}
{{- if and .Values.monitoring.alertmanagerConfig.enabled (not .Values.pages.enabled) }}{{ fail "monitoring.alertmanagerConfig: expected pages.enabled: true, which takes its webhooks" }}{{ end -}}
{{- end -}}

{{/* The settings file of all commands. Values of `settings` go before the chart's. */}}
{{- define "af.settings" -}}
{{- include "af.checked" . -}}
{{- $secrets := "/run/secrets/alarm-fatigue" -}}
{{- $given := .Values.kafka -}}
{{- $kafka := dict "security_protocol" $given.securityProtocol -}}
{{- with $given.topicPrefix }}{{ $_ := set $kafka "topic_prefix" . }}{{ end -}}
{{- if or $given.ca.secret $given.ca.configMap }}{{ $_ := set $kafka "ca_file" "/run/secrets/kafka/ca.crt" }}{{ end -}}
{{- if $given.clientCertificate.secret -}}
{{- $_ := set $kafka "cert_file" "/run/secrets/kafka/client.crt" -}}
{{- $_ := set $kafka "key_file" "/run/secrets/kafka/client.key" -}}
{{- if $given.clientCertificate.keyPasswordKey }}{{ $_ := set $kafka "key_password_file" "/run/secrets/kafka/client-key-password" }}{{ end -}}
{{- end -}}
{{- with $given.sasl -}}
{{- if .mechanism -}}
{{- $_ := set $kafka "sasl_mechanism" .mechanism -}}
{{- if eq .mechanism "OAUTHBEARER" -}}
{{- $_ := set $kafka "token_url" .tokenUrl -}}
{{- $_ := set $kafka "client_id" .clientId -}}
{{- $_ := set $kafka "client_secret_file" "/run/secrets/kafka/client-secret" -}}
{{- if .scope }}{{ $_ := set $kafka "token_scope" .scope }}{{ end -}}
{{- else -}}
{{- $_ := set $kafka "username" .username -}}
{{- $_ := set $kafka "password_file" "/run/secrets/kafka/password" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $web := dict "host" "0.0.0.0" "port" (int .Values.web.port) -}}
{{- if .Values.web.allowRemote }}{{ $_ := set $web "allow_remote" true }}{{ end -}}
{{- with .Values.web.names }}{{ $_ := set $web "names" . }}{{ end -}}
{{- with .Values.web.tokens -}}
{{- $tokens := dict -}}
{{- range $name, $one := . }}{{ $_ := set $tokens $name (merge (dict "file" (printf "%s/%s" $secrets $one.key)) (omit $one "key")) }}{{ end -}}
{{- $_ := set $web "tokens" $tokens -}}
{{- end -}}
{{- with .Values.web.tls -}}
{{- if .secret -}}
{{- $_ := set $web "tls_cert_file" "/run/secrets/web/tls.crt" -}}
{{- $_ := set $web "tls_key_file" "/run/secrets/web/tls.key" -}}
{{- if .clientCaKey }}{{ $_ := set $web "tls_client_ca_file" "/run/secrets/web/client-ca.crt" }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with .Values.monitoring.grafanaUrl }}{{ $_ := set $web "grafana_url" . }}{{ end -}}
{{- $all := dict "broker" .Values.kafka.brokers "group" .Values.group "partitions" (int .Values.topics.partitions) "replication" (int .Values.topics.replication) -}}
{{- $_ := set $all "session_timeout" .Values.worker.sessionTimeout -}}
{{- $_ := set $all "pseudonym_key_file" (printf "%s/pseudonym_key" $secrets) -}}
{{- with .Values.pseudonymPrevious -}}
{{- if .key }}{{ $_ := set $all "pseudonym_previous_key_file" (printf "%s/%s" $secrets .key) }}{{ end -}}
{{- if .until }}{{ $_ := set $all "pseudonym_previous_until" .until }}{{ end -}}
{{- end -}}
{{- $_ := set $all "kafka" $kafka -}}
{{- $_ := set $all "web" $web -}}
{{- if .Values.alarmNames }}{{ $_ := set $all "alarm_names" "/etc/alarm-fatigue/alarm-names.csv" }}{{ end -}}
{{- with .Values.monitoring.alertmanagerUrl }}{{ $_ := set $all "alertmanager" (dict "url" .) }}{{ end -}}
{{- if include "af.links" . }}{{ $_ := set $all "paging" (dict "url" .Values.web.url "key_file" (printf "%s/link_key" $secrets)) }}{{ end -}}
{{- if .Values.audit.persistence.enabled -}}
{{- $audit := dict "file" "/var/lib/alarm-fatigue/audit/audit.jsonl" -}}
{{- if .Values.audit.keyKey }}{{ $_ := set $audit "key_file" (printf "%s/%s" $secrets .Values.audit.keyKey) }}{{ end -}}
{{- $_ := set $all "audit" $audit -}}
{{- end -}}
{{- if .Values.archive.onPage }}{{ $_ := set $all "archive" (dict "path" (replace "/var/lib/alarm-fatigue/" "/mnt/archive/" .Values.archive.to)) }}{{ end -}}
{{- toYaml (mergeOverwrite $all (deepCopy .Values.settings)) -}}
{{- end -}}

{{/* The host names that a worker answers to, as JSON for its environment: those that were given, that of web.url, and those of its Service
and its pod, by whose address Prometheus scrapes. */}}
{{- define "af.names" -}}
{{- $all := include "af.settings" . | fromYaml -}}
{{- $names := $all.web.names | default list -}}
{{- with .Values.web.url }}{{ $names = append $names (urlParse .).hostname }}{{ end -}}
{{- $pod := "$(ALARM_FATIGUE_INSTANCE)" -}}
{{- $names = append $names $pod -}}
{{- $service := include "af.fullname" . -}}
{{- $spaced := printf "%s.%s" $service .Release.Namespace -}}
{{- range $one := list $service $spaced (printf "%s.svc" $spaced) (printf "%s.svc.cluster.local" $spaced) -}}
{{- $names = concat $names (list $one (printf "%s.%s" $pod $one)) -}}
{{- end -}}
{{- append $names "$(POD_IP)" | toJson -}}
{{- end -}}

{{/* Not empty if pages get links. */}}
{{- define "af.links" -}}
{{- if and .Values.web.url .Values.monitoring.alertmanagerUrl }}yes{{ end -}}
{{- end -}}

{{/* The data of the ConfigMap with the settings. */}}
{{- define "af.config" -}}
settings.yaml: |
  {{- include "af.settings" . | nindent 2 }}
{{- with .Values.hl7.profiles }}
profiles.yaml: |
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.alarmNames }}
alarm-names.csv: |
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The entries of existingSecret that a component needs, as a JSON list. */}}
{{- define "af.entries" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $found := list -}}
{{- if has $component (list "worker" "translate" "archive") -}}
{{- $found = append $found "pseudonym_key" -}}
{{- with $root.Values.pseudonymPrevious.key }}{{ $found = append $found . }}{{ end -}}
{{- end -}}
{{- if and (has $component (list "worker" "pages")) (include "af.links" $root) }}{{ $found = append $found "link_key" }}{{ end -}}
{{- if and (has $component (list "worker" "archive")) $root.Values.audit.persistence.enabled $root.Values.audit.keyKey }}{{ $found = append $found $root.Values.audit.keyKey }}{{ end -}}
{{- if eq $component "worker" -}}
{{- range $root.Values.web.tokens }}{{ $found = append $found .key }}{{ end -}}
{{- end -}}
{{- if eq $component "pages" -}}
{{- $found = append $found $root.Values.pages.tokenKey -}}
{{- if $root.Values.pages.forward.tokenKey }}{{ $found = append $found $root.Values.pages.forward.tokenKey }}{{ end -}}
{{- end -}}
{{- $found | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* Sources of the volume with what Kafka asks for, as a YAML list; empty if it asks for nothing. */}}
{{- define "af.kafkaSources" -}}
{{- $kafka := .Values.kafka -}}
{{- with $kafka.ca }}
{{- if .secret }}
- secret: {name: {{ .secret }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}
{{- else if .configMap }}
- configMap: {name: {{ .configMap }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}
{{- end }}
{{- end }}
{{- with $kafka.clientCertificate }}
{{- if .secret }}
- secret:
    name: {{ .secret }}
    items:
      - {key: {{ .certKey | quote }}, path: client.crt}
      - {key: {{ .keyKey | quote }}, path: client.key}
      {{- if .keyPasswordKey }}
      - {key: {{ .keyPasswordKey | quote }}, path: client-key-password}
      {{- end }}
{{- end }}
{{- end }}
{{- with $kafka.sasl }}
{{- if .mechanism }}
- secret:
    name: {{ .secret }}
    items:
      {{- if eq .mechanism "OAUTHBEARER" }}
      - {key: {{ .clientSecretKey | quote }}, path: client-secret}
      {{- else }}
      - {key: {{ .passwordKey | quote }}, path: password}
      {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The part of a pod's spec that all share. Call with (list $ COMPONENT VALUES CONFIGMAP). */}}
{{- define "af.pod" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
automountServiceAccountToken: false
enableServiceLinks: false
serviceAccountName: {{ $root.Values.serviceAccount.name }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with index $values $key }}
{{ $key }}: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Volumes of a pod. Call with the same. */}}
{{- define "af.volumes" -}}
{{- $root := index . 0 -}}
- name: settings
  configMap: {name: {{ index . 3 }}}
{{- with include "af.entries" . | fromJsonArray }}
- name: secrets
  secret:
    secretName: {{ $root.Values.existingSecret }}
    defaultMode: 0440
    items:
      {{- range . }}
      - {key: {{ . | quote }}, path: {{ . | quote }}}
      {{- end }}
{{- end }}
{{- with include "af.kafkaSources" $root | trim }}
{{- if ne (index $ 1) "pages" }}
- name: kafka
  projected:
    defaultMode: 0440
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- end }}
{{- with (index . 2).extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Image, security, environment and mounts of a container. Call with (list $ COMPONENT VALUES CONFIGMAP MOUNTS). */}}
{{- define "af.container" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
image: {{ include "af.image" (list $root (index . 1)) | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- if eq (index . 1) "worker" }}
env:
  # A worker that returns under its name gets its partitions back.
  - {name: ALARM_FATIGUE_INSTANCE, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
  - {name: ALARM_FATIGUE_WEB__NAMES, value: {{ include "af.names" $root | squote }}}
  {{- if $root.Values.keda.enabled }}
  {{- range include "af.kedaEnv" $root | fromYamlArray }}
  - {name: {{ .name }}, value: {{ .value | quote }}}
  {{- end }}
  {{- end }}
  {{- with $values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- else if $values.extraEnv }}
env:
  {{- toYaml $values.extraEnv | nindent 2 }}
{{- end }}
{{- $from := $values.extraEnvFrom }}
{{- $archive := $root.Values.archive }}
{{- if and $archive.existingSecret (or (eq (index . 1) "archive") (and (eq (index . 1) "worker") $archive.onPage)) }}
{{- $from = prepend $from (dict "secretRef" (dict "name" $archive.existingSecret)) }}
{{- end }}
{{- with $from }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml $values.resources | nindent 2 }}
volumeMounts:
  - {name: settings, mountPath: /etc/alarm-fatigue, readOnly: true}
  {{- if include "af.entries" . | fromJsonArray }}
  - {name: secrets, mountPath: /run/secrets/alarm-fatigue, readOnly: true}
  {{- end }}
  {{- if and (include "af.kafkaSources" $root | trim) (ne (index . 1) "pages") }}
  - {name: kafka, mountPath: /run/secrets/kafka, readOnly: true}
  {{- end }}
  {{- with index . 4 }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with $values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What is no secret of a login to Kafka: KEDA reads it from the worker's environment. A YAML list. */}}
{{- define "af.kedaEnv" -}}
{{- with .Values.kafka.sasl }}
{{- if eq .mechanism "OAUTHBEARER" }}
- {parameter: username, name: ALARM_FATIGUE_KAFKA__CLIENT_ID, value: {{ .clientId | quote }}}
- {parameter: oauthTokenEndpointUri, name: ALARM_FATIGUE_KAFKA__TOKEN_URL, value: {{ .tokenUrl | quote }}}
{{- if .scope }}
- {parameter: scopes, name: ALARM_FATIGUE_KAFKA__TOKEN_SCOPE, value: {{ .scope | quote }}}
{{- end }}
{{- else if .mechanism }}
- {parameter: username, name: ALARM_FATIGUE_KAFKA__USERNAME, value: {{ .username | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* Probes of a container with /healthz and /ready. Call with (list SCHEME HEALTHY READY). */}}
{{- define "af.probes" -}}
{{- $scheme := index . 0 -}}
{{- range $probe, $path := dict "startup" (index . 1) "liveness" (index . 1) "readiness" (index . 2) }}
{{ $probe }}Probe:
  httpGet:
    path: {{ $path }}
    port: http
    scheme: {{ $scheme }}
    # a worker answers to its own names only, and always to this one
    httpHeaders: [{name: Host, value: 127.0.0.1}]
  periodSeconds: {{ get (dict "startup" 2 "liveness" 15 "readiness" 5) $probe }}
  timeoutSeconds: 5
  failureThreshold: {{ get (dict "startup" 150 "liveness" 4 "readiness" 3) $probe }}
{{- end }}
{{- end -}}

{{/* Pods are replaced when their settings change. */}}
{{- define "af.podMetadata" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
labels:
  {{- include "af.labels" . | nindent 2 }}
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/settings: {{ include "af.config" $root | sha256sum }}
  {{- with $values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The ports of kafka.brokers, as a JSON list. */}}
{{- define "af.kafkaPorts" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.kafka.brokers }}{{ $ports = append $ports (regexFind "[0-9]+$" (trim .) | int) }}{{ end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{/* The name of a topic on the broker. */}}
{{- define "af.topic" -}}
{{- $root := index . 0 -}}
{{- $all := include "af.settings" $root | fromYaml -}}
{{- $kafka := $all.kafka -}}
{{- $names := default (dict) $kafka.topics -}}
{{- printf "%s%s" (default "" $kafka.topic_prefix) (default (index . 1) (index $names (index . 1))) -}}
{{- end -}}
