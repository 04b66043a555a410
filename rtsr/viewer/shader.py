"""The shader: one pixel of the window from the Y, U and V planes of one picture.

It works on sample positions, not on texture coordinates, so that matrix, range and chroma siting are exact. The kernel
is swscale's bicubic (B = 0, C = 0.6), as in the bicubic backend and the other painter, stretched where the picture
is shown smaller than it is.
"""

VERTEX = """#version 410 core
void main() {  // one triangle that covers the viewport
    vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
    gl_Position = vec4(corner, 0.0, 1.0);
}
"""

FRAGMENT = """#version 410 core
uniform sampler2D plane_y, plane_u, plane_v;
uniform vec4 box;         // x, y from below, width, height: window pixels that the whole picture covers
uniform vec4 turn;        // a b c d: x' = a x + c y, y' = b x + d y from stored to shown, about the middle
uniform vec2 luma_size;   // samples
uniform vec2 block;       // luma samples that a chroma sample stands for, across and down
uniform vec2 siting;      // of chroma, from the middle of its block, in luma samples
uniform float levels;     // from a texture's 0..1 to a code value's: above 8 bit they lie in the low bits
uniform vec2 stretch;     // of the kernel, in luma samples per pixel, 1 or more
uniform vec3 to_red, to_green, to_blue;  // rows of the matrix
uniform vec3 black;
out vec4 colour;

float cubic(float x) {
    const float a = -0.6;
    x = abs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return ((x - 5.0) * x + 8.0) * x * a - 4.0 * a;
    return 0.0;
}

vec4 weights_at(float x) {  // of the four samples around x
    float t = x - floor(x);
    return vec4(cubic(t + 1.0), cubic(t), cubic(1.0 - t), cubic(2.0 - t));
}

float cubic_4x4(sampler2D plane, vec2 at, ivec2 last) {
    ivec2 first = ivec2(floor(at)) - 1;
    ivec4 x = clamp(first.x + ivec4(0, 1, 2, 3), 0, last.x);
    vec4 across = weights_at(at.x), down = weights_at(at.y), rows;
    for (int j = 0; j < 4; ++j) {
        int y = clamp(first.y + j, 0, last.y);
        rows[j] = dot(across, vec4(texelFetch(plane, ivec2(x.x, y), 0).r, texelFetch(plane, ivec2(x.y, y), 0).r,
                                   texelFetch(plane, ivec2(x.z, y), 0).r, texelFetch(plane, ivec2(x.w, y), 0).r));
    }
    return dot(down, rows);
}

float cubic_row(sampler2D plane, float x, int row, float wide, int last) {
    float sum = 0.0, weights = 0.0;
    for (int i = int(ceil(x - 2.0 * wide)); i <= int(floor(x + 2.0 * wide)); ++i) {
        float weight = cubic((float(i) - x) / wide);
        sum += weight * texelFetch(plane, ivec2(clamp(i, 0, last), row), 0).r;
        weights += weight;
    }
    return sum / weights;
}

float cubic_at(sampler2D plane, vec2 at, vec2 wide) {
    ivec2 last = textureSize(plane, 0) - 1;
    if (wide == vec2(1.0)) return cubic_4x4(plane, at, last);
    float sum = 0.0, weights = 0.0;
    for (int j = int(ceil(at.y - 2.0 * wide.y)); j <= int(floor(at.y + 2.0 * wide.y)); ++j) {
        float weight = cubic((float(j) - at.y) / wide.y);
        sum += weight * cubic_row(plane, at.x, clamp(j, 0, last.y), wide.x, last.x);
        weights += weight;
    }
    return sum / weights;
}

void main() {
    vec2 shown = (gl_FragCoord.xy - box.xy) / box.zw - 0.5;
    shown.y = -shown.y;  // OpenGL counts rows from below
    vec2 stored = vec2(turn.x * shown.x + turn.y * shown.y, turn.z * shown.x + turn.w * shown.y) + 0.5;
    vec2 luma = stored * luma_size - 0.5;
    vec2 chroma = (luma - (block - 1.0) / 2.0 - siting) / block;
    vec2 chroma_stretch = max(vec2(1.0), stretch / block);
    vec3 code = vec3(cubic_at(plane_y, luma, stretch),
                     cubic_at(plane_u, chroma, chroma_stretch),
                     cubic_at(plane_v, chroma, chroma_stretch));
    code = code * levels - black;
    colour = vec4(clamp(vec3(dot(to_red, code), dot(to_green, code), dot(to_blue, code)), 0.0, 1.0), 1.0);
}
"""
