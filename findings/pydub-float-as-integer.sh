#!/usr/bin/env bash
# pydub reads float samples of a WAV file with an extensible header as integers: each sample becomes its bit pattern.
#
# Versions: pydub 0.25.1, soundfile 0.14.0, numpy 2.4.6, Python 3.11.
# Files: a tone of 440 Hz with a hundredth of full scale, as 32-bit float with an extensible header (format WAVEX of
# soundfile), and as 16-bit PCM with the same header for comparison.
# Expected: the same tone from both, -43 dBFS, or an error: pydub.AudioSegment rejects float samples behind a plain
# header ("Unknown audio format 0x3", and then asks ffmpeg).
# Output seen: from 16-bit PCM -43.0 dBFS. From float, no error and no warning: -6.0 dBFS; 0.01 is read as 1008981770,
# which is its bit pattern (0x3c23d70a), a value of 0.47. soundfile reads the file right. pydub accepts the tag 0xFFFE
# as PCM, and does not look at the subformat behind it, which says what the samples are.
#
# Why it matters: Microsoft's description of WAV asks for this header above 16 bits or two channels, and recording
# software writes it. Recordings that are cut or resampled with pydub for a data set become noise of almost constant
# level, whose length, rate and labels are right. Read such files with soundfile or scipy.io.wavfile.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check numpy==2.4.6 pydub==0.25.1 soundfile==0.14.0

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import io
import sys
import warnings

import numpy as np
import soundfile

warnings.filterwarnings("ignore", "Couldn't find ffmpeg")  # these files need none
from pydub import AudioSegment  # noqa: E402

warnings.simplefilter("error")
tone = np.float32(0.01) * np.cos(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)
seen = {}
for subtype in ("PCM_16", "FLOAT"):
    file = io.BytesIO()
    soundfile.write(file, tone, 16000, format="WAVEX", subtype=subtype)
    right = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")[0]
    audio = AudioSegment.from_file(io.BytesIO(file.getvalue()), format="wav")
    samples = np.array(audio.get_array_of_samples())
    seen[subtype] = round(audio.dBFS, 1), int(samples[0]), float(right[0]), len(samples)

for package in ("pydub", "soundfile", "numpy"):
    print(package, importlib.metadata.version(package))
print("expected: -43.0 dBFS from both, or an error")
for subtype, (level, first, value, count) in seen.items():
    print(f"{subtype}: pydub {level} dBFS, first of {count} samples {first}; soundfile reads it as {value:.4f}")
bits = int(tone[:1].view(np.int32)[0])
print(f"the bit pattern of {tone[0]:.2f} as float32: {bits}")
same = seen["PCM_16"][0] == -43.0 and seen["FLOAT"][0] == -6.0 and seen["FLOAT"][1] == bits
same = same and abs(seen["FLOAT"][2] - 0.01) < 1e-6 and seen["FLOAT"][3] == 16000
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
