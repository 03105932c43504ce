import groovy.transform.Field

{%- if not cookiecutter.__has_gpu or cookiecutter.baseimage_cpu_tag == cookiecutter.baseimage_gpu_tag %}
// What the platform's build server asks for. Without tags of the base image it builds one image.
{%- else %}
// What the platform's build server asks for: it builds the Dockerfile once with each tag of the base
// image. The Dockerfile knows by the tag that the GPU image is wanted, so keep the two different.
@Field
def base_cpu_tag = '{{ cookiecutter.baseimage_cpu_tag }}'

@Field
def base_gpu_tag = '{{ cookiecutter.baseimage_gpu_tag }}'
{% endif %}
@Field
def dockerfile = 'Dockerfile'

return this
