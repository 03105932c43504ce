import groovy.transform.Field

// What the platform's build server asks for: it builds the Dockerfile once with each tag of the base
// image.{% if cookiecutter.__has_gpu %} The Dockerfile knows by the tag that the GPU image is wanted, so keep the two different.{% endif %}
@Field
def base_cpu_tag = '{{ cookiecutter.baseimage_cpu_tag }}'

{% if cookiecutter.__has_gpu -%}
@Field
def base_gpu_tag = '{{ cookiecutter.baseimage_gpu_tag }}'

{% endif -%}
@Field
def dockerfile = 'Dockerfile'

return this
