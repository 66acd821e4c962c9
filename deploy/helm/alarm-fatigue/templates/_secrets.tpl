{{/* The Secrets that the release's pods mount, with the entries that they need, as a JSON list of {value, secret, keys}. */}}
{{- define "af.neededSecrets" -}}
{{- $root := . -}}
{{- $components := list "worker" -}}
{{- if .Values.hl7.translate.enabled }}{{ $components = append $components "translate" }}{{ end -}}
{{- if .Values.archive.enabled }}{{ $components = append $components "archive" }}{{ end -}}
{{- if .Values.pages.enabled }}{{ $components = append $components "pages" }}{{ end -}}
{{- $entries := list -}}
{{- range $components }}{{ $entries = concat $entries (include "af.entries" (list $root .) | fromJsonArray) }}{{ end -}}
{{- with .Values.monitoring.serviceMonitor }}{{ if and .enabled .tokenKey }}{{ $entries = append $entries .tokenKey }}{{ end }}{{ end -}}
{{- $found := list (dict "value" "existingSecret" "secret" .Values.existingSecret "keys" ($entries | uniq | sortAlpha)) -}}
{{- with .Values.kafka.ca -}}
{{- if .secret }}{{ $found = append $found (dict "value" "kafka.ca.secret" "secret" .secret "keys" (list .key)) }}{{ end -}}
{{- end -}}
{{- with .Values.kafka.clientCertificate -}}
{{- if .secret }}{{ $found = append $found (dict "value" "kafka.clientCertificate.secret" "secret" .secret "keys" (compact (list .certKey .keyKey .keyPasswordKey))) }}{{ end -}}
{{- end -}}
{{- with .Values.kafka.sasl -}}
{{- if .mechanism }}{{ $found = append $found (dict "value" "kafka.sasl.secret" "secret" .secret "keys" (list (ternary .clientSecretKey .passwordKey (eq .mechanism "OAUTHBEARER")))) }}{{ end -}}
{{- end -}}
{{- with .Values.archive -}}
{{- if and .enabled .existingSecret }}{{ $found = append $found (dict "value" "archive.existingSecret" "secret" .existingSecret "keys" list) }}{{ end -}}
{{- end -}}
{{- range $value, $tls := dict "web.tls.secret" .Values.web.tls "hl7.listen.tls.secret" .Values.hl7.listen.tls -}}
{{- if and $tls.secret (or (eq $value "web.tls.secret") $root.Values.hl7.listen.enabled) }}{{ $found = append $found (dict "value" $value "secret" $tls.secret "keys" (compact (list $tls.certKey $tls.keyKey $tls.clientCaKey))) }}{{ end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end -}}

{{/* Fails with what is missing: a pod whose Secret lacks an entry never starts, and Helm would wait for it in vain. Without a cluster, as in
`helm template`, nothing is known and nothing fails. */}}
{{- define "af.secretsChecked" -}}
{{- if .Values.checkSecrets -}}
{{- $namespace := .Release.Namespace -}}
{{- $known := lookup "v1" "Secret" $namespace "" -}}
{{- if hasKey $known "items" -}}
{{- $there := dict -}}
{{- range $known.items }}{{ $_ := set $there .metadata.name (.data | default dict) }}{{ end -}}
{{- $wrong := list -}}
{{- range $one := include "af.neededSecrets" . | fromJsonArray -}}
{{- if not (hasKey $there $one.secret) -}}
{{- $wrong = append $wrong (printf "%s: the namespace %s has no Secret %s%s" $one.value $namespace $one.secret (ternary (printf "; expected one with %s" (join ", " $one.keys)) "" (gt (len $one.keys) 0))) -}}
{{- else -}}
{{- $lacking := list -}}
{{- range $one.keys }}{{ if not (hasKey (get $there $one.secret) .) }}{{ $lacking = append $lacking . }}{{ end }}{{ end -}}
{{- if $lacking }}{{ $wrong = append $wrong (printf "%s: the Secret %s lacks %s" $one.value $one.secret (join ", " $lacking)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if $wrong }}{{ fail (printf "%s (checkSecrets: false installs nonetheless)" (join "; " $wrong)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
