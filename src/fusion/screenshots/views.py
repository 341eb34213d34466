"""TEMPORARY"""
import numpy as np
from PIL import Image, ImageDraw, ImageFont
import matplotlib, hashlib
from pathlib import Path
class Screen:
    def __init__(self, render, source_size, input_shape, seed):
        self.size, self.shape, self.seed = source_size, input_shape, seed
    def __call__(self, texts, ids, epoch, labels=None):
        f = ImageFont.truetype(str(Path(matplotlib.get_data_path())/"fonts/ttf/DejaVuSansMono.ttf"), 11)
        out=[]
        for t in texts:
            im=Image.new("RGB",(self.size,self.size),"white"); d=ImageDraw.Draw(im)
            for i,l in enumerate(t.split("\n")[: self.size//13]): d.text((4,4+13*i), l[:100], font=f, fill="black")
            out.append(np.asarray(im.resize((self.shape,self.shape), Image.BILINEAR)))
        return np.stack(out)
    @property
    def fingerprint(self): return "temporary"
