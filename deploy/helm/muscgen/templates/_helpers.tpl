{{- define "muscgen.name" -}}
{{- .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-muscgen" .Release.Name) (contains "muscgen" .Release.Name)) | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "muscgen.selector" -}}
app.kubernetes.io/name: muscgen
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "muscgen.labels" -}}
{{ include "muscgen.selector" . }}
app.kubernetes.io/version: {{ .Values.image.version | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "muscgen.image" -}}
{{- $image := .root.Values.image -}}
{{ $image.repository }}:{{ .target }}{{ with $image.version }}-{{ . }}{{ end }}
{{- end }}

{{- define "muscgen.account" -}}
{{- .Values.serviceAccount.name | default (ternary (include "muscgen.name" .) "default" .Values.serviceAccount.create) -}}
{{- end }}

{{- define "muscgen.secret" -}}
{{- .Values.secrets.existing | default (printf "%s-settings" (include "muscgen.name" .)) -}}
{{- end }}

{{/* The names of settings that are secrets, as a JSON list. */}}
{{- define "muscgen.secretNames" -}}
{{- ternary .Values.secrets.names (keys .Values.secrets.values | sortAlpha) (ne .Values.secrets.existing "") | toJson -}}
{{- end }}

{{/* A worker's values over the defaults, false and 0 among them (sprig's merge takes those for nothing), as JSON. */}}
{{- define "muscgen.worker" -}}
{{- $worker := deepCopy .defaults -}}
{{- range $name, $value := .given -}}
  {{- if kindIs "map" $value -}}
    {{- $inner := get $worker $name | default dict -}}
    {{- range $part, $given := $value -}}{{- $_ := set $inner $part $given -}}{{- end -}}
    {{- $_ := set $worker $name $inner -}}
  {{- else -}}
    {{- $_ := set $worker $name $value -}}
  {{- end -}}
{{- end -}}
{{- $worker | toJson -}}
{{- end }}

{{/* A setting as text: 50000000, where Go would say 5e+07. */}}
{{- define "muscgen.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{/* Settings that API and workers have in common, less what a pod sets itself. */}}
{{- define "muscgen.env" -}}
- {name: MUSCGEN_HOME, value: /data}
- {name: MUSCGEN_LOG_FORMAT, value: json}
- {name: MUSCGEN_DRAIN_S, value: {{ .root.Values.drainSeconds | quote }}}
{{- $names := include "muscgen.secretNames" .root | fromJsonArray }}
{{- if not (has "redis_url" $names) }}
- name: MUSCGEN_REDIS_URL
  value: {{ .root.Values.queue.url | default (printf "redis://%s-queue:6379/0" (include "muscgen.name" .root)) | quote }}
{{- end }}
{{- with .root.Values.storage.bucket.url }}
- {name: MUSCGEN_ARTIFACTS_URL, value: {{ . | quote }}}
{{- end }}
{{- range $name, $value := .root.Values.storage.bucket.env }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- $settings := deepCopy .root.Values.settings }}
{{- range $name, $value := .settings }}
{{- $_ := set $settings $name $value }}
{{- end }}
{{- range $name, $value := $settings }}
- {name: MUSCGEN_{{ $name | upper }}, value: {{ include "muscgen.text" $value | quote }}}
{{- end }}
{{- range $name := $names }}
{{- if not (has $name $.without) }}
- {name: MUSCGEN_{{ $name | upper }}_FILE, value: /run/secrets/muscgen/{{ $name }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "muscgen.envFrom" -}}
{{- with .Values.storage.bucket.secret }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
{{- end }}

{{- define "muscgen.mounts" -}}
- {name: home, mountPath: /data}
- {name: tmp, mountPath: /tmp}
{{- if .root.Values.storage.models.existingClaim }}
- {name: models, mountPath: /data/models, readOnly: true}
{{- end }}
{{- if include "muscgen.secretNames" .root | fromJsonArray }}
- {name: secrets, mountPath: /run/secrets/muscgen, readOnly: true}
{{- end }}
{{- end }}

{{- define "muscgen.volumes" -}}
- name: home
  {{- if eq .root.Values.storage.home.kind "claim" }}
  persistentVolumeClaim:
    claimName: {{ .root.Values.storage.home.existingClaim | default (printf "%s-home" (include "muscgen.name" .root)) }}
  {{- else }}
  emptyDir: {sizeLimit: {{ .root.Values.storage.home.size }}}
  {{- end }}
- {name: tmp, emptyDir: {}}
{{- with .root.Values.storage.models.existingClaim }}
- {name: models, persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}}
{{- end }}
{{- $names := include "muscgen.secretNames" .root | fromJsonArray }}
{{- if $names }}
- name: secrets
  secret:
    secretName: {{ include "muscgen.secret" .root }}
    defaultMode: 0440
    items:
      {{- range $name := $names }}
      {{- if not (has $name $.without) }}
      - {key: {{ $name }}, path: {{ $name }}}
      {{- end }}
      {{- end }}
{{- end }}
{{- end }}

{{/* What every pod of muscgen is: nobody in particular, who may write below /data and /tmp. */}}
{{- define "muscgen.pod" -}}
serviceAccountName: {{ include "muscgen.account" . }}
automountServiceAccountToken: false
# Kubernetes would set MUSCGEN_API_SERVICE_HOST and the like for services, and muscgen refuses settings it does not know.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - {name: {{ . }}}
  {{- end }}
{{- end }}
{{- end }}

{{- define "muscgen.container" -}}
securityContext:
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
{{- end }}

{{/* Terms that are accepted with the installation, in each pod's own home. */}}
{{- define "muscgen.accepting" -}}
{{- if .root.Values.acceptedModels }}
initContainers:
  {{- range $number, $accepted := .root.Values.acceptedModels }}
  - name: accept-{{ $number }}
    image: {{ include "muscgen.image" $ }}
    imagePullPolicy: {{ $.root.Values.image.pullPolicy }}
    args: [models, accept, {{ $accepted.id | quote }}, --yes, --by, {{ $accepted.by | quote }}]
    env:
      {{- include "muscgen.env" $ | nindent 6 }}
    volumeMounts:
      {{- include "muscgen.mounts" $ | nindent 6 }}
    {{- include "muscgen.container" $ | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
